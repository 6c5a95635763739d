%% What recipe.yaml's test runs: every application is loaded and started, native functions work, and a TLS connection is made.
main([]) ->
    Applications = [asn1, compiler, crypto, inets, os_mon, public_key, runtime_tools, sasl, ssl, syntax_tools, xmerl],
    lists:foreach(fun(Application) -> {ok, _} = application:ensure_all_started(Application) end, Applications),
    jit = erlang:system_info(emu_flavor),
    <<16#ba7816bf:32, _/binary>> = crypto:hash(sha256, <<"abc">>),
    io:format("OTP ~s, ~s~n", [erlang:system_info(otp_release), element(3, hd(crypto:info_lib()))]),
    io:format("TLS: ~p~n", [handshake()]),
    {ok, echo, Beam} = compile:forms([{attribute, 1, module, echo}]),
    {module, echo} = code:load_binary(echo, "echo.beam", Beam).

%% The version and the cipher suite that both ends agree on, with certificates made for it.
handshake() ->
    Options = [{key, {namedCurve, secp256r1}}, {digest, sha256}],
    Chain = #{root => Options, intermediates => [], peer => Options},
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
    Agreed.

%% Sends back what comes first, and ends when the other end has gone.
echo(Listening) ->
    {ok, Accepted} = ssl:transport_accept(Listening),
    {ok, Socket} = ssl:handshake(Accepted),
    {ok, Text} = ssl:recv(Socket, 5),
    ok = ssl:send(Socket, Text),
    {error, closed} = ssl:recv(Socket, 0).
