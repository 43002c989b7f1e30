"""Parts of a network that moto's CloudFormation makes and never deletes, so that no VPC could be deleted after it.

Importing this module gives moto's classes what they lack.
"""

from collections.abc import Callable
from typing import Any

from moto.ec2.models import ec2_backends
from moto.ec2.models.elastic_ip_addresses import ElasticAddress
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.nat_gateways import NatGateway
from moto.ec2.models.route_tables import Route, RouteTable
from moto.ec2.models.subnets import SubnetRouteTableAssociation
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment


def _leave_subnet(ec2: Any, association: Any) -> None:
    held = ec2.get_route_table(association.route_table_id)._associations
    for found in [key for key, subnet in held.items() if subnet == association.subnet_id]:
        ec2.disassociate_route_table(found)


_DELETIONS: dict[type[Any], Callable[[Any, Any], Any]] = {
    ElasticAddress: lambda ec2, address: ec2.release_address(allocation_id=address.allocation_id),
    InternetGateway: lambda ec2, gateway: ec2.delete_internet_gateway(gateway.id),
    NatGateway: lambda ec2, gateway: ec2.delete_nat_gateway(gateway.id),
    Route: lambda ec2, route: ec2.delete_route(route.route_table.id, route.destination_cidr_block),
    RouteTable: lambda ec2, table: ec2.delete_route_table(table.id),
    SubnetRouteTableAssociation: _leave_subnet,
    VPCEndPoint: lambda ec2, endpoint: ec2.delete_vpc_endpoints([endpoint.id]),
    VPCGatewayAttachment: lambda ec2, held: ec2.detach_internet_gateway(held.gateway_id, held.vpc_id),
}


def _delete(resource: Any, account_id: str, region_name: str) -> None:
    _DELETIONS[type(resource)](ec2_backends[account_id][region_name], resource)


for _model in _DELETIONS:
    _model.delete = _delete
