"""The push beside what others would send the same records with."""
