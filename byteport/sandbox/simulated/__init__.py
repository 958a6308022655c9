"""The simulated cluster: Kubernetes in this process, behind the cluster port, for the demo and for tests."""

from byteport.sandbox.simulated.access import Right
from byteport.sandbox.simulated.clocks import ManualClock
from byteport.sandbox.simulated.cluster import SimulatedCluster
from byteport.sandbox.simulated.disks import Collection, Filling
from byteport.sandbox.simulated.port import Mutation
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.scripts import Reply

__all__ = ["Collection", "Filling", "ManualClock", "Mutation", "NotModelled", "Reply", "Right", "SimulatedCluster"]
