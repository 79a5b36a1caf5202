"""The address and login of a server as a user has them, and a wire to it that a test can cut."""

from __future__ import annotations

import socket
import threading

from kgrec.graph.store import GraphStore, open_graph


class Login:
    """The address and login of one server, as a user of `open_graph(uri=...)` has them."""

    def __init__(self, uri: str, username: str, password: str) -> None:
        self.uri, self.username, self.password = uri, username, password

    def open(self, **changes: str) -> GraphStore:
        return open_graph(**{"uri": self.uri, "username": self.username, "password": self.password, **changes})


class Proxy:
    """A wire to a server that a test can cut: `cut()` drops every connection, `close()` also takes no new ones."""

    def __init__(self, uri: str) -> None:
        self._target = ("127.0.0.1", int(uri.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.uri = f"bolt://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        for end in self._sockets:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended already
            end.close()
        self._sockets = []

    def close(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    @staticmethod
    def _pump(one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                other.sendall(data)
        except OSError:
            return
