/* SPDX-License-Identifier: MIT */
/*
 * rights.c - takes from the command the right to change the network. Who has it need not send: the
 * kernel does, for an address that joins a group, a tunnel or a device that comes up, and no filter
 * sees that.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "run.h"
#include "sys.h"

#define NET_ADMIN_BIT (1u << CAP_NET_ADMIN)

/*
 * The bounding set is what root, setuid programs and file capabilities can get at most. Who may not
 * narrow it, though it has the right that is dropped, gets no new privileges.
 */
static int drop_for_good(bool had)
{
	long error = SYS5(SYS_prctl, PR_CAPBSET_DROP, CAP_NET_ADMIN, 0, 0, 0);

	if (error == -EPERM)
		error = had ? SYS5(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) : 0;
	return (int)error;
}

int rights_drop(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	long error = SYS2(SYS_capget, &head, data);
	bool had = data[0].permitted & NET_ADMIN_BIT;

	if (error)
		return (int)error;
	error = drop_for_good(had);
	if (error || !((data[0].permitted | data[0].inheritable) & NET_ADMIN_BIT))
		return (int)error;
	data[0].effective &= ~NET_ADMIN_BIT;
	data[0].permitted &= ~NET_ADMIN_BIT;
	data[0].inheritable &= ~NET_ADMIN_BIT;
	return (int)SYS2(SYS_capset, &head, data);
}
