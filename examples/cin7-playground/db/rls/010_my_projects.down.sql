DROP FUNCTION playground.my_projects();
