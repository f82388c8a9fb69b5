"""Private PostgreSQL and MariaDB servers. Standard library only.

server = postgresql(directory); server.start(); … server.url("name") …; server.stop()
"""

from .instances import MariaDb, PostgreSql, Server, ServerError, installed

__all__ = ["MariaDb", "PostgreSql", "Server", "ServerError", "installed"]
