// https: the client trusts exactly the certificates of SSL_CERT_FILE and checks the host's name.
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "net/client.h"
#include "net/server.h"
#include "net/testing/scripted_server.h"

namespace strata::net {
namespace {

using testing::ScriptedServer;

/// A self-signed certificate for `names` ("DNS:a,IP:b") with its key.
struct Identity {
  explicit Identity(const char* names)
      : key(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate(X509_new(), X509_free) {
    X509* x = certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(x, key.get(), EVP_sha256());
  }
  std::string pem() const {
    std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* data;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key;
  std::unique_ptr<X509, decltype(&X509_free)> certificate;
};

class TlsTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (had_file) setenv("SSL_CERT_FILE", old_file.c_str(), 1);
    else unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(path);
  }
  void trust(const Identity& identity) {
    std::ofstream(path) << identity.pem();
    setenv("SSL_CERT_FILE", path.c_str(), 1);
  }
  /// Speaks TLS as `identity` and answers every request with the server name it was asked for.
  static std::function<void(int)> speak(const Identity& identity) {
    return [&identity](int client) {
      std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()),
                                                                SSL_CTX_free);
      SSL_CTX_use_certificate(context.get(), identity.certificate.get());
      SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
      std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
      SSL_set_fd(ssl.get(), client);
      if (SSL_accept(ssl.get()) != 1) return;
      std::string header;
      char c;
      while (!header.ends_with("\r\n\r\n") && SSL_read(ssl.get(), &c, 1) == 1) header += c;
      const char* name = SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name);
      const std::string body = name ? name : "none";
      const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: " +
                                 std::to_string(body.size()) + "\r\n\r\n" + body;
      SSL_write(ssl.get(), answer.data(), static_cast<int>(answer.size()));
    };
  }
  static ClientResponse get(const ScriptedServer& server, const std::string& host) {
    ClientRequest request;
    request.url = "https://" + host + ":" + std::to_string(server.port()) + "/";
    return fetch(request);
  }
  static void expect_untrusted(const ScriptedServer& server, const std::string& host) {
    try {
      get(server, host);
      ADD_FAILURE() << "trusted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Code::unavailable);
      EXPECT_NE(std::string(e.what()).find("certificate"), std::string::npos) << e.what();
    }
  }
  const char* old = std::getenv("SSL_CERT_FILE");
  const bool had_file = old != nullptr;
  const std::string old_file = old ? old : "";
  const std::string path = (std::filesystem::temp_directory_path() /
                            ("strata_tls_test_" + std::to_string(getpid()) + ".pem")).string();
};

TEST_F(TlsTest, TrustedServerAnswersAndLearnsTheName) {
  const Identity identity("DNS:localhost,IP:127.0.0.1");
  trust(identity);
  ScriptedServer server(speak(identity));
  EXPECT_EQ(get(server, "localhost").body, "localhost");
  EXPECT_EQ(get(server, "127.0.0.1").body, "none");
}

TEST_F(TlsTest, UnknownCertificateAndWrongNameAreRefused) {
  const Identity identity("DNS:localhost"), other("DNS:localhost");
  ScriptedServer server(speak(identity));
  trust(other);
  expect_untrusted(server, "localhost");
  trust(identity);
  expect_untrusted(server, "127.0.0.1");
}

TEST_F(TlsTest, PlainServerIsAnError) {
  ScriptedServer server([](int client) {
    ScriptedServer::write(client, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  EXPECT_THROW(get(server, "127.0.0.1"), Error);
}

/// Files of an identity as a server wants them.
struct Files {
  explicit Files(const Identity& identity) {
    std::ofstream(certificate) << identity.pem();
    FILE* to = std::fopen(key.c_str(), "w");
    PEM_write_PrivateKey(to, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(to);
  }
  ~Files() {
    std::filesystem::remove(certificate);
    std::filesystem::remove(key);
  }
  const std::string base = std::filesystem::temp_directory_path() /
                           ("tls_server_" + std::to_string(getpid()));
  const std::string certificate = base + ".crt", key = base + ".key";
};

TEST_F(TlsTest, OurServerOverTls) {
  const Identity identity("IP:127.0.0.1");
  trust(identity);
  const Files files(identity);
  Server server({.tls_certificate = files.certificate, .tls_key = files.key});
  server.route("POST", "/echo", [](std::shared_ptr<Exchange> exchange) {
    exchange->reply(200, "text/plain", exchange->request().body);
  });
  server.route("GET", "/stream", [](std::shared_ptr<Exchange> exchange) {
    exchange->start(200, "text/plain");
    for (int i = 0; i < 100; ++i) exchange->send(std::to_string(i) + " ");
    exchange->end();
  });
  server.start();
  const std::string host = "://127.0.0.1:" + std::to_string(server.port());
  const auto ask = [&](const std::string& scheme, const std::string& path,
                       const std::string& body) {
    ClientRequest request;
    request.method = body.empty() ? "GET" : "POST";
    request.url = scheme + host + path;
    request.body = body;
    return fetch(request).body;
  };
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(ask("https", "/echo", large), large);
  const std::string stream = ask("https", "/stream", "");
  EXPECT_TRUE(stream.starts_with("0 1 2 ") && stream.ends_with(" 98 99 ")) << stream;
  // Plain text is no handshake: the connection ends, the server goes on.
  EXPECT_THROW(ask("http", "/stream", ""), Error);
  EXPECT_EQ(ask("https", "/echo", "a"), "a");
  server.stop(1);
}

TEST_F(TlsTest, ACertificateThatDoesNotFitItsKeyIsRefused) {
  const Identity one("IP:127.0.0.1"), other("IP:127.0.0.1");
  const Files files(one);
  FILE* to = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(to, other.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(to);
  Server server({.tls_certificate = files.certificate, .tls_key = files.key});
  EXPECT_THROW(server.start(), Error);
  Server half({.tls_certificate = files.certificate});
  EXPECT_THROW(half.start(), Error);
}

}  // namespace
}  // namespace strata::net
