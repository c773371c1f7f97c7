"""Loaders that do what a broken file may make a parser do; for the tests of the parser process."""

from __future__ import annotations

import ctypes
import os
import time

from ragedge.datatypes import Document, Page


class Misbehaving:
    media_types = ("text/plain",)

    def load(self, data, source):
        order = data.split(b" ")[0].decode()
        if order == "hang":
            while True:
                time.sleep(0.01)
        if order == "seize":
            ctypes.PyDLL(None).sleep(600)  # native code that keeps the interpreter's lock
        if order == "crash":
            os.kill(os.getpid(), 11)
        if order == "exit":
            os._exit(3)
        if order == "bomb":
            hoard = []
            while True:
                hoard.append(bytearray(8 << 20))
                time.sleep(0.002)
        if order == "deep":
            return self.load(data, source)
        if order == "print":
            print("noise on standard output")
            os.write(1, b"more noise")
        if order == "raise":
            raise ValueError(data.decode())
        return Document(source, "text/plain", (Page(None, data.decode()),))


def create(options):
    return Misbehaving()
