"""The engines of ``ragedge voice``: each listens or speaks on the device, from models that are installed."""
