"""What the contract gives: methods, resources and reasons.

Generated from the contract by `make generate`; do not edit."""
