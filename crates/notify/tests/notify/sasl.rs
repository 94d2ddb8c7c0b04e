//! A network with accounts: InspIRCd, with the services of Atheme.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use launcher_model::event::EventKind;
use launcher_notify::{Channel, Config, IrcServer, Login};
use launcher_testkit::Person;
use launcher_testkit::installation::free_port;
use launcher_testkit::wait::{SOON, until};
use secrecy::SecretString;

use crate::world::{World, rule};

const PASSWORD: &str = "open-sesame";

/// Both, until it is dropped.
struct Network {
    address: SocketAddr,
    log: PathBuf,
    children: Vec<Child>,
}

impl Network {
    fn start(folder: &Path) -> Self {
        let (clients, servers) = (free_port(), free_port());
        let at = folder.display();
        let inspircd = format!(
            "<server name=\"irc.test.local\" description=\"test\" network=\"test\">\n\
             <admin name=\"a\" nick=\"a\" email=\"a@b.c\">\n\
             <bind address=\"127.0.0.1\" port=\"{}\" type=\"clients\">\n\
             <bind address=\"127.0.0.1\" port=\"{}\" type=\"servers\">\n\
             <connect allow=\"*\" timeout=\"60\" resolvehostnames=\"no\" globalmax=\"100\" localmax=\"100\">\n\
             <link name=\"services.test.local\" ipaddr=\"127.0.0.1\" port=\"{}\" allowmask=\"127.0.0.0/8\"\n\
             recvpass=\"link\" sendpass=\"link\">\n<uline server=\"services.test.local\">\n\
             <sasl target=\"services.test.local\" requiressl=\"no\">\n<module name=\"cap\">\n<module name=\"sasl\">\n\
             <module name=\"services_account\">\n<module name=\"spanningtree\">\n<module name=\"servprotect\">\n\
             <module name=\"hidechans\">\n<module name=\"svshold\">\n<module name=\"chghost\">\n\
             <module name=\"globops\">\n\
             <log method=\"file\" type=\"*\" level=\"default\" flush=\"1\" target=\"{at}/inspircd.log\">\n\
             <pid file=\"{at}/inspircd.pid\">\n<files motd=\"/dev/null\">\n",
            clients.port(),
            servers.port(),
            servers.port()
        );
        let modules = ["protocol/inspircd", "backend/opensex", "crypto/pbkdf2v2", "nickserv/main"];
        let more = ["nickserv/register", "saslserv/main", "saslserv/plain", "operserv/main"];
        let modules = modules.iter().chain(&more);
        let modules: String =
            modules.map(|name| format!("loadmodule \"modules/{name}\";\n")).collect();
        let service = |name: &str| {
            let section = name.to_lowercase();
            format!(
                "{section} {{ nick = \"{name}\"; user = \"{name}\"; host = \"services.test.local\"; real = \"x\"; }};\n"
            )
        };
        let services: String = ["NickServ", "SaslServ", "OperServ"].map(service).concat();
        let atheme = format!(
            "{modules}serverinfo {{ name = \"services.test.local\"; desc = \"services\"; numeric = \"00A\"; recontime = 1;\n\
             netname = \"test\"; adminname = \"a\"; adminemail = \"a@b.c\"; registeremail = \"a@b.c\"; auth = none;\n\
             loglevel = {{ error; info; }}; maxlogins = 5; maxusers = 5; mdlimit = 30; emaillimit = 10; emailtime = 300;\n\
             casemapping = ascii; }};\nuplink \"irc.test.local\" {{ host = \"127.0.0.1\"; port = {};\n\
             send_password = \"link\"; receive_password = \"link\"; }};\n{services}database {{ }};\ngeneral {{ }};\n",
            servers.port()
        );
        fs::write(folder.join("inspircd.conf"), inspircd).unwrap();
        fs::write(folder.join("atheme.conf"), atheme).unwrap();
        fs::create_dir(folder.join("accounts")).unwrap();
        let path = |name: &str| folder.join(name).display().to_string();
        let run = |program: &str, arguments: &[String]| {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(folder);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
                .spawn()
                .unwrap_or_else(|error| panic!("{program}, as dev/setup.sh installs it: {error}"))
        };
        let of = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let irc = of(&["--runasroot", "--nofork", "--config", &path("inspircd.conf")]);
        let files = [path("atheme.conf"), path("accounts"), path("atheme.log"), path("atheme.pid")];
        let accounts =
            of(&["-n", "-c", &files[0], "-D", &files[1], "-l", &files[2], "-p", &files[3]]);
        let children = vec![run("inspircd", &irc), run("atheme-services", &accounts)];
        Self { address: clients, log: folder.join("inspircd.log"), children }
    }

    /// Makes an account.
    async fn register(&self, account: &str) {
        until("the services being linked", SOON, || async {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            log.contains("Received end of netburst").then_some(())
        })
        .await;
        let person = Person::join(self.address, account, "#accounts").await;
        person.sends(&format!("PRIVMSG NickServ :REGISTER {PASSWORD} {account}@example.com")).await;
        person.hears("is now registered").await;
        person.sends("QUIT").await;
        person.hears("ERROR").await;
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn server(network: &Network, password: &str) -> Config {
    let password = SecretString::from(password.to_owned());
    let login = Some(Login { user: "shopbot".to_owned(), password });
    let rule = rule("*", "all");
    let server = IrcServer {
        name: "test".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: network.address.port(),
        tls: None,
        nick: "launcher".to_owned(),
        password: None,
        login,
        channels: vec![Channel { name: "#deploys".to_owned(), key: None, rule }],
    };
    Config { irc: vec![server], ..Config::default() }
}

#[tokio::test]
async fn heavy_an_account_is_logged_in_to_before_anything_is_said() {
    let mut world = World::new().await;
    let network = Network::start(world.folder.path());
    network.register("shopbot").await;
    let anna = Person::join(network.address, "anna", "#deploys").await;
    world.start(&server(&network, "wrong")).await;
    let refused = world.notifier().test("test#deploys", "anna").await.unwrap().unwrap_err();
    assert!(refused.to_string().contains("the SASL login was refused"), "{refused}");
    world.kill();
    world.start(&server(&network, PASSWORD)).await;
    world.happens(EventKind::EnvironmentReady, "v2 is ready").await;
    anna.hears("shop v2 is ready").await;
    anna.sends("WHOIS launcher").await;
    anna.hears(" 330 anna launcher shopbot ").await;
}
