"""Pretrained networks, each with the checksum of its weights."""
