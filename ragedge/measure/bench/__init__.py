"""How fast a model is on this device, what it takes in memory and energy, and whether that is enough."""
