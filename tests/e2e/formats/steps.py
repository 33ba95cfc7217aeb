# SPDX-License-Identifier: MIT
"""steps.py FILE [INPUT=VALUE…]: the scripts of a CI file as one bash script, each with the environment that it is given."""
import re
import shlex
import sys

import yaml

with open(sys.argv[1], encoding='utf-8') as f:
    ci = yaml.safe_load(f)
given = dict(a.split('=', 1) for a in sys.argv[2:])
if 'runs' in ci:  # a composite action
    assert ci['runs']['using'] == 'composite' and ci['name'] and ci['description']
    inputs = {k: v.get('default') for k, v in ci['inputs'].items()}
    assert set(given) <= set(inputs), given
    inputs.update(given)
    assert None not in inputs.values(), 'a required input is missing'

    def expand(text):
        return re.sub(r'\$\{\{ inputs\.(\w+) \}\}', lambda m: inputs[m.group(1)], text)

    print('set -e')
    for step in ci['runs']['steps']:
        assert ('run' in step) != ('uses' in step), step
        if 'run' in step:
            assert step['shell'] == 'bash'  # GitHub: bash --noprofile --norc -eo pipefail {0}
            words = ['%s=%s' % (k, expand(v)) for k, v in step.get('env', {}).items()]
            assert '${{' not in step['run'], 'an input in a script would be run'
            print('env', *map(shlex.quote, words), 'bash --noprofile --norc -eo pipefail -c',
                  shlex.quote(step['run']))
            print('while read -r p; do PATH=$p:$PATH; done <"$GITHUB_PATH"')  # as the runner does between steps
else:
    job = ci['.sockshim-audit']
    assert job['artifacts']['when'] == 'always'
    assert job['artifacts']['reports']['junit'] == '$AUDIT_FILE'
    for name, value in {**job['variables'], **given}.items():
        print('export %s=%s' % (name, shlex.quote(value)))
    print('set -eo pipefail')
    print('\n'.join(job['script']))
