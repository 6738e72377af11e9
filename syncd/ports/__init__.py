"""The seams of the house as Protocols: what the engine may ask of a vendor, a store and a clock."""
