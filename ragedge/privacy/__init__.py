"""What keeps private things private: the vault around a knowledge base, and the guard on the network."""
