#include "hub/repository.h"

#include <gtest/gtest.h>

#include "hub/cache.h"
#include "hub/http.h"

namespace tekio::hub {
namespace {

TEST(Repository, NamesAreTheHubs) {
  const auto plain = parse_repository("distilbert-base-uncased", RepoType::model);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->id, "distilbert-base-uncased");
  EXPECT_EQ(plain->revision, "main");
  EXPECT_EQ(folder_name(*plain), "models--distilbert-base-uncased");
  const auto tagged = parse_repository("stanfordnlp/imdb@refs/convert/parquet", RepoType::dataset);
  ASSERT_TRUE(tagged);
  EXPECT_EQ(tagged->revision, "refs/convert/parquet");
  EXPECT_EQ(folder_name(*tagged), "datasets--stanfordnlp--imdb");
  EXPECT_EQ(shown(*tagged), "stanfordnlp/imdb@refs/convert/parquet");
}

TEST(Repository, WhatCannotBeANameIsNone) {
  for (const char* spec : {"",   "/",   "a/", "/a",   "a/b/c",  "..",   "../a",   "a/..",  "a--b", "-a",   "a-",   ".a",
                           "a.", "a b", "a@", "a@..", "a@../b", "a@/b", "a@b//c", "a.git", "näme", "a\\b", "a@b\n"})
    EXPECT_FALSE(parse_repository(spec, RepoType::model)) << spec;
  EXPECT_FALSE(parse_repository(std::string(97, 'a'), RepoType::model));
}

TEST(Repository, PathsStayBelowTheirFolder) {
  for (const char* path : {"config.json", "a/b/c.txt", "a..b", "..a", "a b", "ä"})
    EXPECT_TRUE(is_safe_path(path)) << path;
  for (const char* path : {"", "/etc/passwd", "../a", "a/../b", "a//b", "a/", ".", "a/.", "a\\b", "a\nb"})
    EXPECT_FALSE(is_safe_path(path)) << path;
  EXPECT_FALSE(is_safe_path(std::string(256, 'a')));
  EXPECT_FALSE(is_safe_path(std::string("a\0b", 3)));
}

TEST(Url, HostsDecideWhoIsAsked) {
  EXPECT_EQ(host_of("https://Hub.example/a"), (UrlHost{"https", "hub.example", "443"}));
  EXPECT_EQ(host_of("http://h:8080?x"), (UrlHost{"http", "h", "8080"}));
  EXPECT_EQ(host_of("http://[::1]:80/"), (UrlHost{"http", "[::1]", "80"}));
  for (const char* url :
       {"file:///etc/passwd", "ftp://h/", "h/a", "https:///a", "https://hub.example@evil.example/", ""})
    EXPECT_FALSE(host_of(url)) << url;
  EXPECT_NE(host_of("https://hub.example\\@evil.example/"), host_of("https://evil.example/"));
}

TEST(Url, LocationsMayBeRelative) {
  EXPECT_EQ(absolute_url("http://h/a/b?q", "/c"), "http://h/c");
  EXPECT_EQ(absolute_url("http://h/a/b?q=/x", "c"), "http://h/a/c");
  EXPECT_EQ(absolute_url("http://h", "c"), "http://h/c");
  EXPECT_EQ(absolute_url("http://h/a", "//g/c"), "http://g/c");
  EXPECT_EQ(absolute_url("http://h/a", "https://g/c"), "https://g/c");
  EXPECT_EQ(percent_encoded("refs/convert/ä b~", false), "refs%2Fconvert%2F%C3%A4%20b~");
  EXPECT_EQ(percent_encoded(std::string("a\0/", 3), true), "a%00/");
}

}  // namespace
}  // namespace tekio::hub
