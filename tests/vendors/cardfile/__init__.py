"""Cardfile, a sixth vendor for tests: small, whole, and added the way docs/adding-a-vendor.md says."""
