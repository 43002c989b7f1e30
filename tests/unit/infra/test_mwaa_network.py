"""The network of the Airflow environment: private, complete before the environment, or an existing one."""

from __future__ import annotations

import ipaddress
import json
import re
from itertools import pairwise

import pytest

from tests.unit.infra.deployed import PREFIX, REGION, VARIANTS, Deployed, deployed


@pytest.mark.parametrize("given", [{}, VARIANTS["mwaa"]["everything"], {"VpcCidr": "172.20.7.0/24"}])
def test_subnets_do_not_overlap_and_are_in_two_zones(given: dict[str, str]) -> None:
    made = Deployed("mwaa", **given)
    vpc = ipaddress.IPv4Network(made.properties("Vpc")["CidrBlock"])
    subnets = made.of_type("AWS::EC2::Subnet")
    networks = sorted(ipaddress.IPv4Network(one["CidrBlock"]) for one in subnets.values())
    assert all(one.subnet_of(vpc) for one in networks)
    assert not any(first.overlaps(second) for first, second in pairwise(networks))
    private = {name: subnets[name] for name in ("PrivateSubnetA", "PrivateSubnetB")}
    assert len({one["AvailabilityZone"] for one in private.values()}) == 2
    assert not [one for one in private.values() if one.get("MapPublicIpOnLaunch")]
    used = made.properties("Environment")["NetworkConfiguration"]
    assert used == {
        "SubnetIds": [made.ref(name) for name in private],
        "SecurityGroupIds": [made.ref("SecurityGroup")],
    }


@pytest.mark.parametrize(("variant", "gateways"), [("default", 1), ("everything", 2)])
def test_every_subnet_has_a_route_to_the_internet(variant: str, gateways: int) -> None:
    made = deployed("mwaa", variant)
    table_of = {
        one["SubnetId"]: one["RouteTableId"] for one in made.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    }
    routes = {one["RouteTableId"]: one for one in made.of_type("AWS::EC2::Route").values()}
    out = {name: routes[table_of[made.ref(name)]] for name in made.of_type("AWS::EC2::Subnet")}
    assert {one["DestinationCidrBlock"] for one in out.values()} == {"0.0.0.0/0"}
    assert {name for name, way in out.items() if "GatewayId" in way} == {name for name in out if "Public" in name}
    used = {way["NatGatewayId"] for way in out.values() if "NatGatewayId" in way}
    assert used == {made.ref(name) for name in made.of_type("AWS::EC2::NatGateway")}
    assert len(used) == gateways
    # Both private subnets reach S3 without the NAT gateway.
    (endpoint,) = made.of_type("AWS::EC2::VPCEndpoint").values()
    assert (endpoint["VpcEndpointType"], endpoint["ServiceName"]) == ("Gateway", f"com.amazonaws.{REGION}.s3")
    private = [table_of[made.ref(f"PrivateSubnet{zone}")] for zone in "AB"]
    assert endpoint["RouteTableIds"] == private


def test_only_airflow_itself_has_inbound_access() -> None:
    made = deployed("mwaa")
    (rule,) = made.of_type("AWS::EC2::SecurityGroupIngress").values()
    assert rule["SourceSecurityGroupId"] == rule["GroupId"] == made.ref("SecurityGroup")


def test_the_environment_is_created_after_its_network() -> None:
    made = deployed("mwaa", "everything")
    before = set(made.resources["SecurityGroup"]["DependsOn"])
    routes = {name for name, one in made.resources.items() if one["Type"].endswith(("::Route", "::VPCEndpoint"))}
    routed = set(made.of_type("AWS::EC2::SubnetRouteTableAssociation"))
    assert before == routes | routed - {"PublicRouteTableAssociationB"}  # it is conditional
    # The environment references the group, and the rule of the group.
    references = json.dumps(made.template["Resources"]["Environment"]["Properties"]["NetworkConfiguration"])
    assert '{"Ref": "SecurityGroup"}' in references
    assert '{"Ref": "SecurityGroupSelfIngress"}' in references


def test_an_existing_network_is_used_and_none_is_created() -> None:
    made = deployed("mwaa", "given-network")
    assert not [one for one in made.resources.values() if one["Type"].startswith("AWS::EC2::")]
    assert made.properties("Environment")["NetworkConfiguration"] == {
        "SubnetIds": ["subnet-0a", "subnet-0b"],
        "SecurityGroupIds": ["sg-0c"],
    }
    pattern = made.template["Parameters"]["ExistingNetwork"]["AllowedPattern"]
    assert re.fullmatch(pattern, made.parameters["ExistingNetwork"])
    for half in ("subnet-0a", "subnet-0a,subnet-0b", "subnet-0a,sg-0c", "sg-0c"):
        assert not re.fullmatch(pattern, half), half


def test_networks_have_the_name_tag_of_the_stack() -> None:
    untagged = ("VPCGatewayAttachment", "Route", "SubnetRouteTableAssociation", "SecurityGroupIngress")
    for name, one in deployed("mwaa", "everything").resources.items():
        kind = one["Type"].removeprefix("AWS::EC2::")
        if one["Type"].startswith("AWS::EC2::") and kind not in untagged:
            (tag,) = one["Properties"]["Tags"]
            assert tag["Key"] == "Name", name
            assert tag["Value"].startswith(f"{PREFIX}-mwaa"), name
