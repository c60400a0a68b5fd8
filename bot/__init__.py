"""What happens: orders are taken, providers are asked, clips are delivered."""

__version__ = "0.2.0"
