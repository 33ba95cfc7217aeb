// SPDX-License-Identifier: MIT
// Nio COUNT HOST PORT: so many pages at once with a Selector and channels that do not block.
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

public class Nio {
	public static void main(String[] args) throws Exception {
		Selector selector = Selector.open();
		boolean failed = false;

		for (int i = Integer.parseInt(args[0]); i > 0; i--) {
			SocketChannel c = SocketChannel.open();
			c.configureBlocking(false);
			c.register(selector, SelectionKey.OP_CONNECT);
			c.connect(new InetSocketAddress(args[1], Integer.parseInt(args[2])));
		}
		while (!selector.keys().isEmpty()) {
			selector.select();
			for (SelectionKey key : selector.selectedKeys()) {
				try {
					step(key);
				} catch (IOException e) {
					System.err.println(e);
					failed = true;
					key.channel().close();
				}
			}
			selector.selectedKeys().clear();
			selector.selectNow(); // forgets what was closed
		}
		System.exit(failed ? 1 : 0);
	}

	static void step(SelectionKey key) throws IOException {
		SocketChannel c = (SocketChannel) key.channel();

		if (key.isConnectable()) {
			if (!c.finishConnect())
				throw new IOException("connectable, and not connected");
			c.write(ByteBuffer.wrap("GET / HTTP/1.0\r\n\r\n".getBytes()));
			key.interestOps(SelectionKey.OP_READ);
			return;
		}
		ByteBuffer room = ByteBuffer.allocate(4096);
		if (c.read(room) < 0)
			c.close();
		System.out.write(room.array(), 0, room.position());
		System.out.flush();
	}
}
