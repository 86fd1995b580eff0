"""What the shop wants shown or not, whatever the models say: read, checked, in force or expired."""
