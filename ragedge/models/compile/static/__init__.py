"""Compiles an installed model a second time, into graphs of fixed shape for processors that need them (NPUs)."""
