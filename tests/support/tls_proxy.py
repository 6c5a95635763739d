"""A Docker daemon behind TLS: whoever shows a certificate of the authority is passed on to the daemon's socket.

tls_proxy.py FOLDER: ca.pem, server.pem and server-key.pem are in FOLDER; the port is written to standard output.
"""

import pathlib
import socket
import ssl
import sys
import threading

SOCKET = "/var/run/docker.sock"


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(context, client):
    try:
        with context.wrap_socket(client, server_side=True) as inside, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(SOCKET)
            back = threading.Thread(target=pump, args=(daemon, inside), daemon=True)
            back.start()
            pump(inside, daemon)
            back.join()
    except (ssl.SSLError, OSError):
        client.close()


def main(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server-key.pem")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(context, client), daemon=True).start()


main(pathlib.Path(sys.argv[1]))
