"""What is personal stays where it belongs, and goes when it must."""
