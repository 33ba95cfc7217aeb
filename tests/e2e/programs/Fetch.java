// SPDX-License-Identifier: MIT
// Fetch URL: prints what is there.
import java.io.InputStream;
import java.net.URL;

public class Fetch {
	public static void main(String[] args) throws Exception {
		try (InputStream in = new URL(args[0]).openStream()) {
			in.transferTo(System.out);
		}
	}
}
