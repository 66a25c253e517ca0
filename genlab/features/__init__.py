"""Feature networks: frozen, written out in plain torch, each with its weights' checksum."""
