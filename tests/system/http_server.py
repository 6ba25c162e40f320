"""http_server.py FOLDER - an HTTP server on standard input and output, for one connection.

QEMU starts it for every connection to an address of its network (guestfwd).  What it was asked
is noted in FOLDER.log.
"""
import os
import sys


def answer(folder, method, path):
    name = os.path.join(folder, path.lstrip("/"))
    if ".." in path or not os.path.isfile(name):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    with open(name, "rb") as f:
        body = f.read()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % len(body)
    return head if method == "HEAD" else head + body


def main():
    folder = sys.argv[1]
    while line := sys.stdin.buffer.readline():
        method, path, *_ = line.decode().split()
        while sys.stdin.buffer.readline() not in (b"\r\n", b"\n", b""):
            pass
        with open(folder + ".log", "a", encoding="utf-8") as f:
            f.write("%s %s\n" % (method, path))
        sys.stdout.buffer.write(answer(folder, method, path))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
