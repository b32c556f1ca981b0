// Listings and keys in XML, as Azure Storage writes them and as nobody should.
#include "services/storage/blob_xml.hpp"

#include <doctest/doctest.h>

#include <jetpack/error.hpp>

using namespace jetpack::storage;

TEST_CASE("a page of blobs") {
  const auto page = parse_page(
      R"(<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a/" ContainerName="c">
<Blobs><Blob><Name>a &amp; b/ü.txt</Name><Properties><Last-Modified>Mon, 19 Sep 2016 18:29:47 GMT</Last-Modified>
<Etag>0x8D4</Etag><Content-Length>12</Content-Length><Content-MD5>1B2M2Y8AsgTpgAmY7PhCfg==</Content-MD5></Properties></Blob>
<Blob><Name Encoded="true">x%EF%BF%BEy</Name><Properties><Content-Length>0</Content-Length></Properties></Blob>
</Blobs><NextMarker>2!72!x</NextMarker></EnumerationResults>)");
  REQUIRE(page.blobs.size() == 2);
  CHECK(
      json_line(page.blobs[0]) ==
      R"({"name":"a & b/ü.txt","bytes":12,"modified":"2016-09-19T18:29:47Z","etag":"\"0x8D4\"","md5":"d41d8cd98f00b204e9800998ecf8427e"})");
  CHECK(page.blobs[1].name == "x\xEF\xBF\xBEy");
  CHECK(page.next == "2!72!x");
}

TEST_CASE("markers of directories") {
  const auto page = parse_page(
      "<EnumerationResults><Blobs>"
      "<Blob><Name>a</Name><Properties><Content-Length>0</Content-Length>"
      "<ResourceType>directory</ResourceType></Properties></Blob>"
      "<Blob><Name>b</Name><Properties><Content-Length>0</Content-Length></Properties>"
      "<Metadata><Owner>x</Owner><Hdi_isfolder>true</Hdi_isfolder></Metadata></Blob>"
      "<Blob><Name>c</Name><Properties><Content-Length>0</Content-Length>"
      "<ResourceType>file</ResourceType></Properties>"
      "<Metadata><hdi_isfolder>false</hdi_isfolder></Metadata></Blob>"
      "</Blobs></EnumerationResults>");
  REQUIRE(page.blobs.size() == 3);
  CHECK(page.blobs[0].is_directory);
  CHECK(page.blobs[1].is_directory);
  CHECK_FALSE(page.blobs[2].is_directory);
  CHECK(json_line(page.blobs[0]).ends_with(R"("directory":true})"));
}

TEST_CASE("elements without number do not take memory without limit") {
  std::string xml = "<EnumerationResults>";
  for (int i = 0; i < 3'000'000; ++i) xml += "<a>";
  CHECK_THROWS_WITH_AS(parse_page(xml), "the locker's answer has too many XML elements",
                       jetpack::Error);
}

TEST_CASE("what is no listing is refused") {
  for (const auto* xml :
       {"", "<", "{}", "<html/>", "<EnumerationResults><Blobs>",
        "<EnumerationResults><Blobs><Blob><Name></Name></Blob></Blobs></EnumerationResults>",
        "<EnumerationResults><Blobs><Blob><Name>a</Name><Properties/></Blob></Blobs>"
        "</EnumerationResults>",
        "<EnumerationResults><Blobs><Blob><Name>a</Name><Properties><Content-Length>-1"
        "</Content-Length></Properties></Blob></Blobs></EnumerationResults>"})
    CHECK_THROWS_AS(parse_page(xml), jetpack::Error);
}

TEST_CASE("entities are not expanded") {
  const auto page = parse_page(
      "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><EnumerationResults><Blobs><Blob>"
      "<Name>&e;</Name><Properties><Content-Length>1</Content-Length></Properties></Blob></Blobs>"
      "</EnumerationResults>");
  CHECK(page.blobs.at(0).name == "&e;");
}

TEST_CASE("a key that is lent") {
  const auto key = parse_delegation_key(
      "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>"
      "2026-01-01T00:00:00Z</SignedStart><SignedExpiry>2026-01-07T00:00:00Z</SignedExpiry>"
      "<SignedService>b</SignedService><SignedVersion>2020-12-06</SignedVersion><Value>a2V5</Value>"
      "</UserDelegationKey>");
  CHECK(key.value == "key");
  CHECK(key.tenant_id == "t");
  CHECK_THROWS_AS(parse_delegation_key("<UserDelegationKey/>"), jetpack::Error);
}
