"""What goes over the wire: one model for each question and each answer."""
