# Does nothing: it is in the run list so that all cookbooks have the resources.
