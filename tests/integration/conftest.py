"""Lets the tests here import hub_client, which pytest's importlib mode would not find."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
