"""What sources of metrics make of answers, and which rights they ask for, without a network."""
