import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { ALTERNATIVES, type Alternative, alternative, CHROMA_GROUP, DATABASE_GROUP } from './alternatives.ts';
import { functionsOf, resourcesOf } from './synthesize.ts';

const endpointsOf = (template: Template) =>
  resourcesOf(template, 'AWS::EC2::VPCEndpoint').map(([, { Properties }]) => Properties);

/** Every rule of every group: those of a group's own and those that stand by themselves. */
function rulesOf(template: Template, direction: 'Ingress' | 'Egress') {
  const own = resourcesOf(template, 'AWS::EC2::SecurityGroup').flatMap(
    ([, { Properties }]) => Properties[`SecurityGroup${direction}`] ?? [],
  );
  const apart = resourcesOf(template, `AWS::EC2::SecurityGroup${direction}`).map(([, one]) => one.Properties);
  // What CDK writes for a group without any way out: ICMP to an address that does not exist.
  return [...own, ...apart].filter(({ CidrIp }) => CidrIp !== '255.255.255.255/32');
}

describe('every network', () => {
  for (const name of ALTERNATIVES) {
    const { template } = alternative(name);

    it(`has no rule that is open to the world: ${name}`, () => {
      for (const rule of [...rulesOf(template, 'Ingress'), ...rulesOf(template, 'Egress')]) {
        assert.equal(rule.CidrIp, undefined, JSON.stringify(rule));
        assert.equal(rule.CidrIpv6, undefined, JSON.stringify(rule));
      }
    });

    it(`lets only the functions that use it reach the database, both ways: ${name}`, () => {
      const port = name.startsWith('existing RDS') || name === 'existing Aurora' ? 5433 : 5432;
      const inward = rulesOf(template, 'Ingress').filter(({ FromPort }) => FromPort === port);
      const outward = rulesOf(template, 'Egress').filter(({ FromPort }) => FromPort === port);
      assert.equal(inward.length, 1);
      assert.equal(outward.length, 1);
      assert.match(JSON.stringify(inward[0]!.SourceSecurityGroupId), /NetworkDatabaseClients/);
      assert.match(
        JSON.stringify(outward[0]!.DestinationSecurityGroupId),
        port === 5433 ? new RegExp(DATABASE_GROUP) : /NetworkDatabase(?!Clients)/,
      );
      for (const [step, { VpcConfig, Environment }] of functionsOf(template))
        assert.equal(
          /NetworkDatabaseClients/.test(JSON.stringify(VpcConfig ?? null)),
          Environment.Variables.DATABASE_HOST !== undefined,
          step,
        );
    });

    it(`has no NAT gateway, and an interface endpoint only for the token of a private Chroma: ${name}`, () => {
      template.resourceCountIs('AWS::EC2::NatGateway', 0);
      template.resourceCountIs('AWS::EC2::InternetGateway', 0);
      const interfaces = endpointsOf(template).filter(
        ({ VpcEndpointType }) => VpcEndpointType === 'Interface',
      );
      assert.equal(interfaces.length, name === 'private Chroma with a token' ? 1 : 0);
    });

    it(`passes requests for the migration's bucket to S3, and for nobody else's: ${name}`, () => {
      const [gateway, ...others] = endpointsOf(template).filter(
        ({ VpcEndpointType }) => VpcEndpointType === 'Gateway',
      );
      assert.deepEqual(others, []);
      assert.ok(gateway!.RouteTableIds.length > 0);
      for (const { Resource } of gateway!.PolicyDocument.Statement)
        assert.match(JSON.stringify(Resource), /ShardStoreBucket/);
    });
  }
});

describe('an existing VPC', () => {
  for (const name of ['existing VPC', 'existing RDS', 'private Chroma'] satisfies Alternative[])
    it(`is used as it is: ${name}`, () => {
      const { template } = alternative(name);
      for (const type of ['VPC', 'Subnet', 'RouteTable', 'Route'])
        template.resourceCountIs(`AWS::EC2::${type}`, 0);
      for (const [, { Properties }] of resourcesOf(template, 'AWS::EC2::SecurityGroup'))
        assert.equal(Properties.VpcId, 'vpc-0123456789abcdef0');
    });
});

describe('a private Chroma', () => {
  it('is read from inside, on its own port, by the functions that read it and no other', () => {
    const { template } = alternative('private Chroma');
    template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', {
      GroupId: CHROMA_GROUP,
      FromPort: 8000,
      ToPort: 8000,
      SourceSecurityGroupId: { 'Fn::GetAtt': [Match.stringLikeRegexp('^NetworkChromaClients'), 'GroupId'] },
    });
    for (const [step, { VpcConfig, Environment }] of functionsOf(template))
      assert.equal(
        /NetworkChromaClients/.test(JSON.stringify(VpcConfig ?? null)),
        Environment.Variables.CHROMA_URL !== undefined,
        step,
      );
  });
});
