from networks.conformance import NetworkConformance


class TestPrismaNet(NetworkConformance):
    name = "prisma-net"
    parameters = 923_057
    folded = 923_057
    macs = {256: 1_097.5e6}
