"""The demo: the product's whole story on real machines, told by one honest table."""
