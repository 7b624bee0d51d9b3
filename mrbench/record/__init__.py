"""One run on disk: its folder, its record, the verdict, and what verifies and packs them."""
