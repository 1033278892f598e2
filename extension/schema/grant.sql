-- nothing is for everybody; oms.install() grants to the roles
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA oms, oms_rest FROM PUBLIC;
