from networks.conformance import NetworkConformance


class TestLiveMatte(NetworkConformance):
    name = "livematte"
    parameters = 544_050
    macs = {256: 156.9e6}
    heads = {"edge": 1}
