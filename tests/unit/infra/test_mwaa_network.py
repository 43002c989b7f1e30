"""The Airflow environment's network: private, whole before it is needed, or given."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Any

import pytest

from tests.unit.infra.resolved import PREFIX, REGION, Resolved

GIVEN_NETWORK = {"ExistingNetwork": "subnet-0a,subnet-0b,sg-0c"}
TWO_GATEWAYS = {"SecondNatGateway": "true"}


def configuration(**given: str) -> dict[str, Any]:
    """The environment's NetworkConfiguration with these parameters."""
    found: dict[str, Any] = Resolved("mwaa", given).resources["Environment"]["Properties"]["NetworkConfiguration"]
    return found


@pytest.mark.parametrize("given", [{}, TWO_GATEWAYS, {"VpcCidr": "172.20.7.0/24"}])
def test_subnets_lie_side_by_side_in_the_vpc_and_in_two_zones(given: dict[str, str]) -> None:
    resolved = Resolved("mwaa", given)
    (vpc,) = resolved.of_type("AWS::EC2::VPC").values()
    subnets = resolved.of_type("AWS::EC2::Subnet")
    networks = [ipaddress.ip_network(one["CidrBlock"]) for one in subnets.values()]
    assert all(one.subnet_of(ipaddress.ip_network(vpc["CidrBlock"])) for one in networks)  # type: ignore[arg-type]
    assert not [(a, b) for a in networks for b in networks if a is not b and a.overlaps(b)]
    private = [subnets[name] for name in ("PrivateSubnetA", "PrivateSubnetB")]
    assert len({one["AvailabilityZone"] for one in private}) == 2
    assert not [one for one in private if one.get("MapPublicIpOnLaunch")]
    assert {ipaddress.ip_network(one["CidrBlock"]).prefixlen for one in private} == {26}
    used = [resolved.evaluate({"Ref": name}) for name in ("PrivateSubnetA", "PrivateSubnetB")]
    assert configuration(**given)["SubnetIds"] == used


@pytest.mark.parametrize(("given", "gateways"), [({}, 1), (TWO_GATEWAYS, 2)])
def test_private_subnets_reach_the_internet_through_nat(given: dict[str, str], gateways: int) -> None:
    resolved = Resolved("mwaa", given)
    assert len(resolved.of_type("AWS::EC2::NatGateway")) == len(resolved.of_type("AWS::EC2::EIP")) == gateways
    routes = resolved.of_type("AWS::EC2::Route")
    ways = [routes[name]["NatGatewayId"] for name in ("PrivateWayOutA", "PrivateWayOutB")]
    assert len(set(ways)) == gateways
    assert {one["DestinationCidrBlock"] for one in routes.values()} == {"0.0.0.0/0"}
    of_subnet = {
        one["SubnetId"]: one["RouteTableId"]
        for one in resolved.of_type("AWS::EC2::SubnetRouteTableAssociation").values()
    }
    subnets = {name: resolved.evaluate({"Ref": name}) for name in resolved.of_type("AWS::EC2::Subnet")}
    tables = {name: of_subnet[reference] for name, reference in subnets.items()}
    assert [tables[f"PrivateSubnet{zone}"] for zone in "AB"] == [
        routes[f"PrivateWayOut{zone}"]["RouteTableId"] for zone in "AB"
    ]
    assert {tables[name] for name in tables if "Public" in name} == {routes["PublicWayOut"]["RouteTableId"]}


def test_s3_is_reached_past_the_nat_gateway() -> None:
    resolved = Resolved("mwaa")
    (endpoint,) = resolved.of_type("AWS::EC2::VPCEndpoint").values()
    assert (endpoint["VpcEndpointType"], endpoint["ServiceName"]) == ("Gateway", f"com.amazonaws.{REGION}.s3")
    routes = resolved.of_type("AWS::EC2::Route")
    assert endpoint["RouteTableIds"] == [routes[f"PrivateWayOut{zone}"]["RouteTableId"] for zone in "AB"]


def test_nobody_but_airflow_itself_comes_in() -> None:
    resolved = Resolved("mwaa")
    (group,) = resolved.of_type("AWS::EC2::SecurityGroup").values()
    assert "SecurityGroupIngress" not in group
    (rule,) = resolved.of_type("AWS::EC2::SecurityGroupIngress").values()
    assert rule["SourceSecurityGroupId"] == rule["GroupId"] == resolved.evaluate({"Ref": "SecurityGroup"})
    assert configuration()["SecurityGroupIds"] == [rule["GroupId"]]


def test_the_network_is_whole_before_the_environment_is_made() -> None:
    resolved = Resolved("mwaa", TWO_GATEWAYS)
    before = set(resolved.resources["SecurityGroup"]["DependsOn"])
    ways = {"PrivateWayOutA", "PrivateWayOutB", "PublicWayOut", "PrivateRoutesOfSubnetA", "PrivateRoutesOfSubnetB"}
    assert before == ways | {"PublicRoutesOfSubnetA", "S3Endpoint"}
    said = json.dumps(resolved.template["Resources"]["Environment"]["Properties"]["NetworkConfiguration"])
    assert '{"Ref": "SecurityGroup"}' in said
    assert '{"Ref": "SecurityGroupFromItself"}' in said


def test_a_given_network_is_used_and_none_is_made() -> None:
    made = Resolved("mwaa", GIVEN_NETWORK | TWO_GATEWAYS)
    assert not [one for one in made.resources.values() if one["Type"].startswith("AWS::EC2::")]
    assert configuration(**GIVEN_NETWORK) == {
        "SubnetIds": ["subnet-0a", "subnet-0b"],
        "SecurityGroupIds": ["sg-0c"],
    }
    pattern = made.template["Parameters"]["ExistingNetwork"]["AllowedPattern"]
    assert re.fullmatch(pattern, GIVEN_NETWORK["ExistingNetwork"])
    for half in ("subnet-0a", "subnet-0a,subnet-0b", "subnet-0a,sg-0c", "sg-0c"):
        assert not re.fullmatch(pattern, half), half


def test_what_is_made_bears_the_name_by_which_it_may_be_changed() -> None:
    untagged = ("VPCGatewayAttachment", "Route", "SubnetRouteTableAssociation", "SecurityGroupIngress")
    for name, one in Resolved("mwaa", TWO_GATEWAYS).resources.items():
        kind = one["Type"].removeprefix("AWS::EC2::")
        if one["Type"].startswith("AWS::EC2::") and kind not in untagged:
            (tag,) = one["Properties"]["Tags"]
            assert tag["Key"] == "Name", name
            assert tag["Value"].startswith(f"{PREFIX}-mwaa"), name
