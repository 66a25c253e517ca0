"""Feature networks: frozen, written out in plain torch, each with its weights' checksum."""

from genlab.vml import settle

settle()
