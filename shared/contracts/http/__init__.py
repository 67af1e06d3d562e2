"""Request and answer models of the three HTTP interfaces: services read and write them, the typed client and the command line share them."""
