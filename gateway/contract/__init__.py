"""What a gateway has to know about services: their rules and options, and where it reads them."""
