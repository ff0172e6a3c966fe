"""What athletes ran: efforts, bests, loads, zones, and what follows from them."""
