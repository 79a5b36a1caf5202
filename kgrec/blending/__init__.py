"""What joins the network in the ranking score, and what validation chooses of it."""
