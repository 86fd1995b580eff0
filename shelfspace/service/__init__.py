"""A space behind HTTP: routes made from the signatures of the tasks, and the doors through which a shop writes."""
