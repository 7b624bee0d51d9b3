"""Datasets: drawn ones, COCO folders, and what is checked of them."""
