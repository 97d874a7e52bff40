"""What the clients must know of each rpc.

Generated from the contract by `make generate`; do not edit."""
