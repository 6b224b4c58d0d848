"""Explaining: from what is known of a thing to one screen about it. Each function gets facts and gives an Explanation."""
