%% Tries out what CouchDB's engine stands on, and tells whoever connects what came of it: a line for each, then the end.
-module(engine_check).
-export([start/0, compare/2, version/0]).
-on_load(load/0).

%% Words in the order of Unicode's root collation; by their bytes they would stand otherwise.
-define(SORTED, ["a", "A", "äa", "aB", "b", "B", "ça", "cb", "é", "Zoë", "ß2", "ω"]).

load() ->
    Library = filename:join([filename:dirname(filename:dirname(code:which(?MODULE))), "priv", "collation"]),
    erlang:load_nif(Library, 0).

%% The order of two texts by ICU: -1, 0 or 1.
compare(_, _) -> erlang:nif_error(not_loaded).

%% ICU's version.
version() -> erlang:nif_error(not_loaded).

%% Serves for ever. The port is the first argument of the command line.
start() ->
    [Port] = init:get_plain_arguments(),
    {ok, _} = application:ensure_all_started(ssl),
    {ok, Socket} = gen_tcp:listen(list_to_integer(Port), [binary, {ip, {127, 0, 0, 1}}, {active, false}, {reuseaddr, true}]),
    serve(Socket).

serve(Socket) ->
    {ok, Caller} = gen_tcp:accept(Socket),
    %% Whoever looks only whether the port is open has gone by now.
    _ = gen_tcp:send(Caller, findings()),
    ok = gen_tcp:close(Caller),
    serve(Socket).

findings() ->
    unicode:characters_to_binary([
        io_lib:format("otp ~s~n", [erlang:system_info(otp_release)]),
        io_lib:format("emulator ~s~n", [erlang:system_info(emu_flavor)]),
        io_lib:format("icu ~s~n", [version()]),
        io_lib:format("sorted ~ts~n", [lists:join(" ", sorted())]),
        io_lib:format("tls ~s ~s~n", handshake())
    ]).

sorted() ->
    InOrder = fun(Left, Right) -> compare(Left, Right) =< 0 end,
    Words = [unicode:characters_to_binary(Word) || Word <- ?SORTED],
    lists:sort(InOrder, lists:reverse(lists:sort(Words))).

%% The version of TLS and the cipher suite that both ends agree on, each with a certificate made for it.
handshake() ->
    Chain = #{root => certificate(), intermediates => [], peer => certificate()},
    #{server_config := Server, client_config := Client} =
        public_key:pkix_test_data(#{server_chain => Chain, client_chain => Chain}),
    Passive = [binary, {active, false}],
    {ok, Listening} = ssl:listen(0, [{ip, {127, 0, 0, 1}} | Passive ++ Server]),
    {ok, {_, Port}} = ssl:sockname(Listening),
    spawn_link(fun() -> echo(Listening) end),
    {ok, Socket} = ssl:connect({127, 0, 0, 1}, Port, [{server_name_indication, disable} | Passive ++ Client]),
    ok = ssl:send(Socket, <<"hello">>),
    {ok, <<"hello">>} = ssl:recv(Socket, 5),
    {ok, Agreed} = ssl:connection_information(Socket, [protocol, selected_cipher_suite]),
    ok = ssl:close(Socket),
    ok = ssl:close(Listening),
    [proplists:get_value(protocol, Agreed), ssl:suite_to_str(proplists:get_value(selected_cipher_suite, Agreed))].

%% Sends back what comes first, and ends when the other end has gone.
echo(Listening) ->
    {ok, Accepted} = ssl:transport_accept(Listening),
    {ok, Socket} = ssl:handshake(Accepted),
    {ok, Text} = ssl:recv(Socket, 5),
    ok = ssl:send(Socket, Text),
    {error, closed} = ssl:recv(Socket, 0).

certificate() -> [{key, {namedCurve, secp256r1}}, {digest, sha256}].
